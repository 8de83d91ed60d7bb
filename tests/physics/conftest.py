"""Media with each boundary and mixtures of them, in two and in three dimensions."""

import pytest

from diffkeras.physics import Medium

MEDIA = {
    "absorbing": Medium(),
    "reflecting": Medium(boundary="reflecting"),
    "periodic": Medium(boundary="periodic"),
    "absorbing-reflecting": Medium(boundary=("absorbing", "reflecting")),
    "periodic-absorbing": Medium(boundary=("periodic", "absorbing")),
    "reflecting-periodic": Medium(boundary=("reflecting", "periodic")),
    "no decay": Medium(decay=0.0),
    "no decay, reflecting": Medium(decay=0.0, boundary="reflecting"),
    "no decay, periodic": Medium(decay=0.0, boundary="periodic"),
    "no decay, periodic-reflecting": Medium(decay=0.0, boundary=("periodic", "reflecting")),
    "no decay, reflecting-absorbing": Medium(decay=0.0, boundary=("reflecting", "absorbing")),
    "mixed": Medium(boundary=(("absorbing", "reflecting"), ("reflecting", "absorbing"))),
    "no decay, mixed-periodic": Medium(
        decay=0.0, boundary=(("reflecting", "absorbing"), "periodic")
    ),
    "anisotropic": Medium(diffusivity=(0.3, 2.0)),
    "anisotropic, periodic-reflecting": Medium((4.0, 0.5), 0.02, 0.7, ("periodic", "reflecting")),
    "strong decay, fine step": Medium(diffusivity=0.5, decay=3.0, step=0.25),
}

SPACE_MEDIA = {
    "3-D, absorbing": Medium(boundary=("absorbing",) * 3),
    "3-D, no decay, reflecting": Medium(decay=0.0, boundary=("reflecting",) * 3),
    "3-D, anisotropic, periodic-absorbing-periodic": Medium(
        (0.3, 1.0, 2.0), 0.02, 0.7, ("periodic", "absorbing", "periodic")
    ),
    "3-D, reflecting-periodic-absorbing": Medium(boundary=("reflecting", "periodic", "absorbing")),
    "3-D, absorbing-periodic-periodic": Medium(boundary=("absorbing", "periodic", "periodic")),
    "3-D, slow decay, periodic": Medium(decay=1e-9, boundary=("periodic",) * 3),
}


@pytest.fixture(params=(*MEDIA.values(), *SPACE_MEDIA.values()), ids=[*MEDIA, *SPACE_MEDIA])
def medium(request):
    """Each medium of the table in turn."""
    return request.param
