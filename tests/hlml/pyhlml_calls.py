"""Run by test_pyhlml.py where the library lies at its real path: every function of pyhlml on every card."""

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
    "hlmlDeviceSetPowerManagementLimit": (500_000,),
}
# Not about one device, or exercised below.
APART = {
    "hlmlInit", "hlmlInitWithFlags", "hlmlShutdown", "hlmlDeviceGetCount", "hlmlDeviceGetHandleByIndex",
    "hlmlDeviceGetHandleByPCIBusID", "hlmlDeviceGetHandleByUUID", "hlmlDeviceRegisterEvents",
}  # fmt: skip
REFUSED = {"hlmlDeviceGetPersistenceMode"}


def all_calls():
    return {n: f for n, f in inspect.getmembers(pyhlml, inspect.isfunction) if n.startswith("hlml") and n[4].isupper()}


def call_on(device, name, function):
    try:
        value = function(device, *ARGUMENTS.get(name, ()))
    except pyhlml.HLMLError as error:
        assert name in REFUSED, f"{name}: {error!r}"
        return None
    assert name not in REFUSED, name
    return value


pyhlml.hlmlInit()
try:
    pyhlml.hlmlInit()
    raise SystemExit("a second init was accepted")
except pyhlml.HLMLError as error:
    assert type(error).__name__ == "HLMLError_AlreadyInitialized", error

count = pyhlml.hlmlDeviceGetCount()
calls = {n: f for n, f in all_calls().items() if n not in APART and not n.startswith("hlmlEvent")}
for index in range(count):
    device = pyhlml.hlmlDeviceGetHandleByIndex(index)
    values = {}
    for name, function in calls.items():
        if "device" in inspect.signature(function).parameters:
            values[name] = call_on(device, name, function)
        else:
            assert function(), name
    assert values["hlmlDeviceGetName"] == b"HL-225"
    info = values["hlmlDeviceGetPCIInfo"]
    assert info.pci_device_id == 0x1DA31020, hex(info.pci_device_id)
    assert pyhlml.hlmlDeviceGetHandleByPCIBusID(info.bus_id.decode()).value == device.value
    assert pyhlml.hlmlDeviceGetHandleByUUID(values["hlmlDeviceGetUUID"].decode()).value == device.value
    memory = values["hlmlDeviceGetMemoryInfo"]
    assert memory.free + memory.used == memory.total == 98304 << 20
    assert 20 <= values["hlmlDeviceGetTemperature"] <= 40
    assert 40_000 <= values["hlmlDeviceGetPowerUsage"] <= 60_000
    assert values["hlmlDeviceGetPowerManagementDefaultLimit"] == 550_000
    assert pyhlml.hlmlDeviceGetPowerManagementLimit(device) == 500_000
    assert values["hlmlDeviceGetUtilizationRates"].aip == 0
    assert values["hlmlDeviceGetClockInfo"] == 1650
events = pyhlml.hlmlEventSetCreate()
pyhlml.hlmlDeviceRegisterEvents(pyhlml.hlmlDeviceGetHandleByIndex(0), 2, events)
try:
    pyhlml.hlmlEventSetWait(events, 10)
    raise SystemExit("an event came out of nothing")
except pyhlml.HLMLError as error:
    assert type(error).__name__ == "HLMLError_Timeout", error

pyhlml.hlmlEventSetFree(events)
pyhlml.hlmlShutdown()
print(count, "cards,", len(calls) + len(APART) + 3, "functions")
