"""The driver's files: /sys, /proc and debugfs of a box. Pure rendering (state in, files out) and the edges around it.

facts.py      what the specs say about the driver's surface
view.py       the state of a box as plain data; read_box() is the only part that looks at a box
tree.py       files and links by path
attributes.py driver attributes of a card        pci.py    its PCI directory
hwmon.py      sensors                            ports.py  net and InfiniBand
module.py     /sys/module, /proc/modules         render.py all of it: view -> tree
mirror.py     a tree into a directory, refreshed in place
follow.py     gaudi-box sysfs
"""
