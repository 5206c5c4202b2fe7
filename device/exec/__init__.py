"""`gaudi-box exec`: an unmodified program sees library, tools, nodes and the driver's files at their real paths.

visible.py      which cards a program may see
namespace.py    a mount namespace of our own, and the system calls of mounting
graft.py        our files among those of the host, in a directory of the host
nodes.py        /dev/accel: character devices that can really be opened
install.py      library, header and tools
module_tools.py lsmod, modprobe and rmmod of the emulated driver
view.py         all mounts in their order, and what has to be renewed while the program runs
run.py          parent of the program: signals, status, refreshing
"""
