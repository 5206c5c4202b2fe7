"""Run by test_events.py: print the kinds of a card's events until stdin ends, as a foreign client through ctypes."""

import ctypes
import sys
import threading

library = ctypes.CDLL(sys.argv[1])
device, events, data = ctypes.c_void_p(), ctypes.c_void_p(), (ctypes.c_uint64 * 2)()
assert library.hlml_init() == 0
assert library.hlml_device_get_handle_by_index(int(sys.argv[2]), ctypes.byref(device)) == 0
assert library.hlml_event_set_create(ctypes.byref(events)) == 0
assert library.hlml_device_register_events(device, ctypes.c_ulonglong(0x3F), events) == 0
print("ready", flush=True)
is_over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), is_over.set()), daemon=True).start()
while True:
    was_over = is_over.is_set()
    if library.hlml_event_set_wait(events, data, 50) == 0:
        print(data[1])
    elif was_over:
        break
