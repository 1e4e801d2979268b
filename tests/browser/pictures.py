"""`make pictures`: every page of the site, filled with the samples and judging by the shipped rules, at 390 and 1280
pixels in Chinese and English, as docs/pictures/PART/NAME-WIDTH-LANGUAGE.webp.

    pictures.py [NAME ...]      these pages alone
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from browser.pages import CONSOLE, PUBLIC, Place, log_in
from browser.site import FLAGS, Site
from browser.visits import PHONE, WIDE, Visit
from PIL import Image
from playwright.sync_api import sync_playwright

from fairpost.cli import samples
from fairpost.rules.shipped import shipped_bundle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playwright.sync_api import Browser

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
TALLEST = 2400
"""Pixels: longer pages are cut off there."""
LANGUAGES = {"zh": "zh-CN", "en": "en-GB"}


def main(names: Iterable[str]) -> None:
    wanted = set(names)
    if unknown := wanted - {place.name for place in [*PUBLIC, *CONSOLE]}:
        raise SystemExit(f"no such page: {', '.join(sorted(unknown))}")
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("no Chromium here; on Debian: apt-get install chromium fonts-noto-cjk")
    for part in ("public", "console"):
        (FOLDER / part).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fairpost-pictures-") as folder, sync_playwright() as playwright:
        site = Site(Path(folder), {"rules": shipped_bundle()})
        try:
            site.start().fill()
            site.client.check_batch([samples.sample_request(post) for post in samples.read_samples("posts.yaml")])
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            size = take(browser, site, wanted)
            browser.close()
        finally:
            site.stop()
    print(f"{FOLDER}: {size / 1e6:.1f} MB")


def take(browser: Browser, site: Site, wanted: set[str]) -> int:
    """Take the pictures; gives their size in bytes."""
    size = 0
    for width_height in (PHONE, WIDE):
        for language, locale in LANGUAGES.items():
            for places, role, part in ((PUBLIC, "", "public"), (CONSOLE, "all", "console")):
                chosen = [place for place in places if place.name in wanted or (not wanted and place.pictured)]
                visit = Visit(browser, site.url, size=width_height, language=locale)
                if role and chosen:
                    log_in(visit, site.keys[role])
                for place in chosen:
                    name = f"{place.name}-{width_height[0]}-{language}.webp"
                    size += picture(visit, site, place, FOLDER / part / name)
                for fault in visit.close():
                    print(fault, file=sys.stderr)
    return size


def picture(visit: Visit, site: Site, place: Place, path: Path) -> int:
    page = place.open(visit, site)
    width = page.viewport_size["width"]  # type: ignore[index]
    height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    content = page.screenshot(full_page=True, timeout=60_000, clip={"x": 0, "y": 0, "width": width, "height": height})
    image = Image.open(io.BytesIO(content)).convert("RGB")
    image.save(path, "WEBP", quality=45, method=6)
    return path.stat().st_size


if __name__ == "__main__":
    main(sys.argv[1:])
