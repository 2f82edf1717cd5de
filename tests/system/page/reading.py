"""Reads what the page shows."""

from __future__ import annotations

from playwright.sync_api import Page

GAP = "\u202f"
"""Between thousands."""

INK = """(canvas, width = canvas.width) => {
  const how = {willReadFrequently: true};
  const copy = document.createElement('canvas').getContext('2d', how);
  [copy.canvas.width, copy.canvas.height] = [width, canvas.height];
  copy.drawImage(canvas, 0, 0);
  return copy.getImageData(0, 0, width, canvas.height).data
    .some((value, at) => at % 4 === 3 && value > 200);
}"""
"""Whether a canvas is drawn, up to a column of it. It looks at a copy: the browser
warns of who reads a canvas again and again."""


def share(value: float) -> str:
    percent = 100 * value
    to_end = min(percent, 100 - percent)
    return f"{percent:.1f}" if 1e-9 < to_end < 9.95 else f"{percent:.0f}"


def cells(page: Page, table: str) -> dict[str, list[str]]:
    """Texts of a table's rows by their heading."""
    rows = page.locator(f"{table} tbody tr")
    found = {}
    for row in rows.all():
        heading = row.locator("th").inner_text()
        found[heading] = [cell.inner_text() for cell in row.locator("td").all()]
    return found
