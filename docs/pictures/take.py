"""
Take the pictures of the live page that README.md shows: `make pictures`.

Runs the demo for a while; Chromium (Debian: `chromium`) takes one picture in light and one in dark colours.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.request import urlopen

HERE: Final = Path(__file__).parent
PAGE: Final = "http://127.0.0.1:9788"
WARM_UP_SECONDS: Final = 45.0
WIDTH_AND_HEIGHT: Final = (1280, 960)
SCHEMES: Final = {"light": 1, "dark": 0}
"""
Chromium's number of each preferred colour scheme.
"""
OPTIONS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--hide-scrollbars",
)


def main() -> int:
    """
    Write the pictures beside this file.

    Returns:
        2 if there is no Chromium, or the demo's page does not answer.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        print("chromium is not on the PATH; install it (Debian: chromium)", file=sys.stderr)
        return 2
    demo = subprocess.Popen([sys.executable, "-m", "droidscope", "demo"], stdout=subprocess.DEVNULL)
    try:
        time.sleep(WARM_UP_SECONDS)
        with urlopen(PAGE):
            pass
        for name, scheme in SCHEMES.items():
            take(chromium, HERE / f"live-page-{name}.png", scheme)
    except OSError as error:
        print(f"{PAGE} does not answer: {error}; is the port taken by something else?", file=sys.stderr)
        return 2
    finally:
        demo.terminate()
        demo.wait()
    return 0


def take(chromium: str, path: Path, scheme: int) -> None:
    """
    Take one picture of the page in a colour scheme.
    """
    width, height = WIDTH_AND_HEIGHT
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                chromium,
                *OPTIONS,
                f"--user-data-dir={profile}",
                f"--blink-settings=preferredColorScheme={scheme}",
                f"--window-size={width},{height}",
                f"--screenshot={path}",
                PAGE,
            ],
            check=True,
            stderr=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    sys.exit(main())
