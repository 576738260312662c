"""The app's icon, drawn here so that the browser fetches nothing: a network's waist between two columns of genes."""

from __future__ import annotations

from functools import cache

from PIL import Image, ImageDraw

_SIZE, _RADIUS = 256, 27
_COLUMNS = (
    (46, (46, 101, 155, 210), "#0072B2"),
    (128, (92, 164), "#D55E00"),
    (210, (46, 101, 155, 210), "#0072B2"),
)


@cache
def icon() -> Image.Image:
    """Return a picture of 64 x 64 pixels."""
    picture = Image.new("RGBA", (_SIZE, _SIZE))
    draw = ImageDraw.Draw(picture)
    for x, rows, colour in _COLUMNS:
        for y in rows:
            draw.ellipse((x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS), fill=colour)
    return picture.resize((64, 64), Image.Resampling.LANCZOS)
