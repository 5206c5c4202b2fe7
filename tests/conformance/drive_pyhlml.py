"""Run by test_pyhlml_versions.py with one version of pyhlml on the path: every function of a card, on every card."""

import inspect

import pyhlml

ARGUMENTS = {
    "hlmlDeviceGetTemperatureThreshold": (0,),
    "hlmlDeviceGetTemperature": (0,),
    "hlmlDeviceGetTotalECCErrors": (0, 0),
    "hlmlDeviceGetMemoryErrorCounter": (0, 0, 1),
    "hlmlDeviceGetMACInfo": (48, 1),
    "hlmlDeviceGetPCIEThroughput": (0,),
    "hlmlDeviceNicGetLink": (0,),
    "hlmlDeviceNicGetStatistics": (0, 256),
    "hlmlDeviceGetCpuAffinity": (4,),
    "hlmlDeviceGetCpuAffinityWithinScope": (4, 0),
    "hlmlDeviceGetMemoryAffinity": (1, 0),
    "hlmlDeviceGetViolationStatus": (0,),
    "hlmlDeviceGetReplacedRowsCount": (0,),
    "hlmlDeviceGetReplacedRows": (0, 4),
    "hlmlDeviceERRInject": (2,),
}
REFUSED = {"hlmlDeviceGetPersistenceMode"}
# Up to 1.10 this one uses a name that it never defines.
BROKEN_THERE = {"hlmlDeviceGetMemoryAffinity"}


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def functions_of_a_device():
    for name, function in inspect.getmembers(pyhlml, inspect.isfunction):
        if name.startswith("hlmlDevice") and next(iter(inspect.signature(function).parameters), "") == "device":
            yield name, function


def answers(device):
    found = {}
    for name, function in functions_of_a_device():
        if name == "hlmlDeviceRegisterEvents":
            continue
        try:
            found[name] = function(device, *ARGUMENTS.get(name, ()))
        except pyhlml.HLMLError as error:
            assert name in REFUSED, f"{name}: {error!r}"
        except NameError:
            assert name in BROKEN_THERE, name
    return found


pyhlml.hlmlInit()
count = pyhlml.hlmlDeviceGetCount()
total = 0
for index in range(count):
    card = pyhlml.hlmlDeviceGetHandleByIndex(index)
    values = answers(card)
    total += len(values)
    assert text(values["hlmlDeviceGetName"]) == "HL-225"
    memory = values["hlmlDeviceGetMemoryInfo"]
    assert memory.free + memory.used == memory.total == 98304 << 20
    bus_id = text(values["hlmlDeviceGetPCIInfo"].bus_id)
    assert pyhlml.hlmlDeviceGetHandleByPCIBusID(bus_id).value == card.value, bus_id
    assert 20 <= values["hlmlDeviceGetTemperature"] <= 40
    assert 40_000 <= values["hlmlDeviceGetPowerUsage"] <= 60_000, "milliwatts of the 54 V rail"
    assert values["hlmlDeviceGetClockInfo"] == 1650
events = pyhlml.hlmlEventSetCreate()
pyhlml.hlmlDeviceRegisterEvents(pyhlml.hlmlDeviceGetHandleByIndex(0), 2, events)
pyhlml.hlmlEventSetFree(events)
pyhlml.hlmlShutdown()
print(count, "cards", total, "answers", pyhlml.__file__)
