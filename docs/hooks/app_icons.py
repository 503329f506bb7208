"""Draws the icons of the installed application from `icon.svg`, with Chromium: `make icons`.

`maskable` fills the whole square, since launchers cut their own shape out of it; what it shows lies within
the middle 80 % that they keep. An iPhone rounds the corners itself, so its icon is drawn the same way.
"""

from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

STATIC = Path(__file__).parents[2] / "webapp/static"
ROUNDED_CORNERS = ' rx="6"'  # of the square in `icon.svg`
ICONS = {"192": 192, "512": 512, "maskable-512": 512, "touch-180": 180}  # file names, sizes in pixels


def drawing(name: str) -> str:
    """Return the SVG of an icon."""
    rounded = (STATIC / "icon.svg").read_text("utf-8")
    return rounded if name.isdigit() else rounded.replace(ROUNDED_CORNERS, "")


def draw(browser: Browser, name: str, size: int) -> bytes:
    """Return an icon as a PNG file."""
    page = browser.new_page(viewport={"width": size, "height": size})
    page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block }}</style>{drawing(name)}")
    return page.screenshot(omit_background=True)


def main() -> None:
    """Write the icons that the manifest and the pages name."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, size in ICONS.items():
            (STATIC / "icons" / f"{name}.png").write_bytes(draw(browser, name, size))
        browser.close()


if __name__ == "__main__":
    main()
