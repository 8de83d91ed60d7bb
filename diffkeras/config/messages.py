"""Pydantic's findings in diffkeras' words."""

from pydantic import (
    BaseModel,
    ValidationError,
)


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Pydantic's findings in one line, each with its key, its value and what would do."""
    findings: dict[str, str] = {}
    for finding in error.errors(include_url=False):
        parts = [str(part) for part in finding["loc"]]
        key = ".".join(
            part
            for part in parts
            if not part.startswith(("tuple[", "float", "str", "dict[", "literal["))
        )
        message = finding["msg"].removeprefix("Value error, ")
        if finding["type"] == "extra_forbidden":
            known = ", ".join(_known_keys(model, finding["loc"][:-1]))
            message = f"unknown key; known here: {known}"
        elif finding["type"] not in ("value_error", "missing"):
            message = f"{message[0].lower()}{message[1:]}, not {finding['input']!r}"
        findings.setdefault(key, message)
    return "; ".join(f"{key}: {text}" if key else text for key, text in findings.items())


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        annotation = (
            model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        )
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
