"""A process that holds a card and answers for it: `holder.py BOX CARD` prints the address of a pair and of a buffer.

Its lines on stdin: "connect MODULE PORT QPN PSN" and "quit". The pair is on the port named on the command line.
"""

from __future__ import annotations

import sys

import numpy as np

from device.fabric import PortAddress, QpAddress
from device.runtime import Card


def main(box: str, index: int, port: int, size: int) -> None:
    with Card.acquire(index, box) as card:
        network = card.network
        queue = network.nic.create_cq()
        pair = network.nic.create_qp(port, queue)
        buffer = card.malloc(size)
        card.copy_to_device(buffer, np.zeros(size, np.uint8))
        region = network.register(buffer)
        address = pair.address
        print(
            address.port.module, address.port.port, address.qp_num, address.psn, region.key, region.address, flush=True
        )
        for line in sys.stdin:
            words = line.split()
            if words[0] == "quit":
                return
            if words[0] == "connect":
                module, peer_port, number, psn = map(int, words[1:])
                pair.connect(QpAddress(PortAddress(module, peer_port), number, psn))
                pair.receive(region)
            if words[0] == "sum":
                data = np.empty(size, np.uint8)
                card.copy_from_device(buffer, data)
                print(int(data.astype(np.uint64).sum()), flush=True)
                continue
            print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
