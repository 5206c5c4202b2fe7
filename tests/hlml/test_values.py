"""The getters that return their value agree with the snapshot and, by that, with the card."""

from __future__ import annotations

from private_box import PrivateBox

import hlml
from device.card import Box


def test_every_getter_gives_the_value_of_the_snapshot(box: PrivateBox):
    with Box.open(box.path) as opened:
        opened.cards[1].acquire()
        opened.cards[1].publish_activity((1.0, 0.0, 0.0, 0.5, 0.0, 0.0), 1.0)
        opened.cards[1].publish_memory(3 << 30)
        opened.set_clock(0.0, 300_000_000)  # frozen while the lease runs
        hlml.init()
        try:
            device = hlml.devices()[1]
            snapshot = device.snapshot()
            assert device.memory_used_bytes == snapshot.memory_used_bytes == (3 << 30) + snapshot.memory_reserved_bytes
            assert device.energy_mj == snapshot.energy_mj
            assert device.clock_soc_mhz == snapshot.clock_soc_mhz > 0
            assert device.power_limit_mw == snapshot.power_54v_limit_mw == 550_000
            assert device.module_id == snapshot.module_id
            assert device.utilization_percent == snapshot.utilization_aip_percent > 0
            assert device.temperature_c == snapshot.temperature_c > 0
        finally:
            hlml.shutdown()
