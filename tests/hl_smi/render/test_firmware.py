"""--fw-versions against the published excerpt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hl_smi.query.firmware import query_firmware
from hl_smi.render.firmware import render_firmware


def test_components_match_the_published_form(samples: Callable[..., Any], make_snapshot: Callable[..., Any]) -> None:
    (sample,) = samples("firmware.txt")
    version = "hl-gaudi2-1.17.0-fw-51.2.0-sec-9"
    card = make_snapshot(
        uuid="01P0-HL2080A0-15-TF8A81-03-07-03",
        cpld_version="0x00000010.653FB250",
        firmware_spi=f"Preboot version {version} (Jul 24 2024 - 11:31:46)",
        firmware_uboot=f"U-Boot 2021.04-{version} (Jul 24 2024 - 11:40:00 +0300) build#: 1",
        firmware_fit=f"Linux gaudi2 5.10.18-{version} #1 SMP PREEMPT Wed Jul 24 11:44:52 IDT 2024 aarch64 GNU/Linux",
    )
    text = render_firmware(query_firmware((card,)))
    assert text == sample.text.replace("0000:19:00.0", "0000:43:00.0")


def test_cards_are_separated_by_one_empty_line(make_snapshot: Callable[..., Any]) -> None:
    text = render_firmware(query_firmware((make_snapshot(), make_snapshot(index=1, minor=1))))
    assert "\n\n[1] AIP (accel1) 0000:43:00.0\n\terom\n" in text
    assert "\n\n\n" not in text
