"""The card of a split's file in the format Croissant, which dataset search and loaders read.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from diffkeras import __version__
from diffkeras.system.array_files import write_bytes
from diffkeras_benchmark.problems import PROBLEMS, SHIFTS
from diffkeras_benchmark.splits import PublicSplit

CROISSANT = "http://mlcommons.org/croissant/"
TERMS = (
    "arrayShape",
    "citeAs",
    "extract",
    "field",
    "fileObject",
    "fileProperty",
    "isArray",
    "recordSet",
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": CROISSANT,
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "source": "cr:source",
    **{term: f"cr:{term}" for term in TERMS},
}
FIELDS = {
    "source_images": "values on the nodes of sources, 0 elsewhere",
    "fields": "steady states",
    "bounds": "proven bounds of the largest errors of the fields",
}
NUMBERS = ("bounds", "maxima")  # one for each image


def card_of(path: Path) -> Path:
    """Where the card of a file is."""
    return path.with_suffix(".croissant.json")


def write_card(split: PublicSplit, path: Path) -> Path:
    """Write the card of a split's file beside it, and return its path."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    content = card(split, path.name, path.stat().st_size, sha256)
    text = json.dumps(content, indent=2, ensure_ascii=False)
    write_bytes(card_of(path), f"{text}\n".encode())
    return card_of(path)


def card(split: PublicSplit, file: str, size: int, sha256: str) -> dict[str, Any]:
    """The card as JSON-LD; `sha256` is of the file's bytes, which differ between machines."""
    config, (counts, each) = split.config(), split.numbers
    rows, columns = config.physics.lattice
    maps = dict.fromkeys(config.view.maps, "a map of the medium")
    maxima = {"maxima": "what the fields were divided by"} if config.data.divide_by_maximum else {}
    about = SHIFTS.get(split.split, "images for training, validation or tests")
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": f"{CROISSANT}1.0",
        "name": split.name.replace("/", "_"),
        "description": (
            f"{PROBLEMS[split.problem].description} {each * len(counts)} steady states on "
            f"{rows}×{columns} nodes with {counts[0]} to {counts[-1]} sources; the split "
            f"{split.split}: {about}. For each number NN of sources, an array such as fields_NN "
            f"holds its images. SHA-256 of physics and inputs: {split.sha256}"
        ),
        "version": __version__,
        "license": "https://www.apache.org/licenses/LICENSE-2.0",
        "creator": {"@type": "sc:Organization", "name": "The diffkeras authors"},
        "citeAs": f"diffkeras {__version__}, benchmark {split.name}",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file,
                "name": file,
                "description": "arrays of NumPy, .npz",
                "contentUrl": file,
                "contentSize": f"{size} B",
                "encodingFormat": "application/zip",
                "sha256": sha256,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "images",
                "name": "images",
                "description": "One record for each image.",
                "field": [
                    _field(name, text, file, "" if name in NUMBERS else f"{rows},{columns}")
                    for name, text in {**FIELDS, **maxima, **maps}.items()
                ],
            }
        ],
    }


def _field(name: str, text: str, file: str, shape: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"images/{name}",
        "name": name,
        "description": f"{text}: the arrays {name}_NN",
        "dataType": "sc:Float",
        "source": {"fileObject": {"@id": file}, "extract": {"fileProperty": "content"}},
        **({"isArray": True, "arrayShape": shape} if shape else {}),
    }
