"""Owns the commands about texts: stores, routing, sending, reading, acknowledging. PDU mode only.

Refuses to know the network; sending and receiving do the work.
Source: 3GPP TS 27.005 §3.1–3.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from device_bridge.emulator.command_line import Command, Form
from device_bridge.emulator.commands_general import choice
from device_bridge.emulator.frames import encode_address
from device_bridge.emulator.mailbox import RpAnswer
from device_bridge.emulator.registers import Cnmi, RefusalError
from device_bridge.emulator.sending import Prompt, require_sim
from device_bridge.emulator.sim import SlotState, Store

if TYPE_CHECKING:
    from device_bridge.emulator.modem import EmulatedModem

Lines = tuple[str, ...]
Handler = Callable[["EmulatedModem", Command], Lines | Prompt | None]

CMS_NOT_SUPPORTED: Final = 303
CMS_BAD_PDU: Final = 304
CMS_BAD_TEXT_PARAMETER: Final = 305
CMS_INVALID_INDEX: Final = 321
LONGEST_TPDU: Final = 164  # octets: 23.040 §9.2.2.2 with 140 octets of user data, TP-VP and the longest TP-DA

_ROUTING: Final = ((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1))  # +CNMI: mode, mt, bm, ds, bfr

# +CMGD <delflag> (27.005 §3.5.4): which slots go.
_DELETED: Final = {
    1: frozenset({SlotState.READ}),
    2: frozenset({SlotState.READ, SlotState.SENT}),
    3: frozenset({SlotState.READ, SlotState.SENT, SlotState.UNSENT}),
    4: frozenset(SlotState),
}


def _set_service(modem: EmulatedModem, command: Command) -> Lines:
    modem.registers.csms = choice(command, 0, 1)
    return ("+CSMS: 1,1,1",)


def _service(modem: EmulatedModem, _command: Command) -> Lines:
    return (f"+CSMS: {modem.registers.csms},1,1,1",)


def _set_format(_modem: EmulatedModem, command: Command) -> Lines:
    if command.number(0, 0) != 0:
        raise RefusalError(cms=CMS_NOT_SUPPORTED)
    return ()


def _centre(modem: EmulatedModem, _command: Command) -> Lines:
    require_sim(modem)
    number = modem.sim.smsc
    return (f'+CSCA: "{number}",{145 if number.startswith("+") else 129}',)


def _set_centre(modem: EmulatedModem, command: Command) -> Lines:
    require_sim(modem)
    number = command.text(0)
    if command.number(1, 129) == 145 and not number.startswith("+"):
        number = f"+{number}"
    if not number.removeprefix("+").isdigit():
        raise RefusalError(cms=CMS_BAD_TEXT_PARAMETER)
    try:
        encode_address(number)
    except ValueError:
        raise RefusalError(cms=CMS_BAD_TEXT_PARAMETER) from None
    modem.sim.smsc = number
    return ()


def _set_memories(modem: EmulatedModem, command: Command) -> Lines:
    require_sim(modem)
    before = modem.registers.memories
    wanted = tuple(command.text(i).upper() or before[i] for i in range(3))
    if not command.arguments or any(name not in modem.sim.stores for name in wanted):
        raise RefusalError(cms=CMS_NOT_SUPPORTED)
    modem.registers.memories = (wanted[0], wanted[1], wanted[2])
    return (f"+CPMS: {','.join(f'{s.used},{s.size}' for s in _stores(modem))}",)


def _memories(modem: EmulatedModem, _command: Command) -> Lines:
    require_sim(modem)
    named = zip(modem.registers.memories, _stores(modem), strict=True)
    return ("+CPMS: " + ",".join(f'"{name}",{store.used},{store.size}' for name, store in named),)


def _stores(modem: EmulatedModem) -> tuple[Store, ...]:
    return tuple(modem.sim.stores[name] for name in modem.registers.memories)


def _set_routing(modem: EmulatedModem, command: Command) -> Lines:
    now = modem.registers.cnmi
    wanted = Cnmi(
        command.number(0, now.mode),
        command.number(1, now.mt),
        command.number(2, now.bm),
        command.number(3, now.ds),
        command.number(4, now.bfr),
    )
    asked = (wanted.mode, wanted.mt, wanted.bm, wanted.ds, wanted.bfr)
    if any(value not in allowed for value, allowed in zip(asked, _ROUTING, strict=True)):
        raise RefusalError(cms=CMS_NOT_SUPPORTED)
    modem.registers.cnmi = wanted
    modem.routing_changed()
    return ()


def _routing(modem: EmulatedModem, _command: Command) -> Lines:
    cnmi = modem.registers.cnmi
    return (f"+CNMI: {cnmi.mode},{cnmi.mt},{cnmi.bm},{cnmi.ds},{cnmi.bfr}",)


def _send(modem: EmulatedModem, command: Command) -> Prompt:
    require_sim(modem)
    return Prompt(_length(command))


def _write(modem: EmulatedModem, command: Command) -> Prompt:
    require_sim(modem)
    state = command.number(1, SlotState.UNSENT)
    if state not in tuple(SlotState) or state == SlotState.ALL:
        raise RefusalError(cms=CMS_NOT_SUPPORTED)
    return Prompt(_length(command), SlotState(state))


def _length(command: Command) -> int:
    try:
        length = command.number(0)
    except ValueError:
        raise RefusalError(cms=CMS_BAD_PDU) from None
    if not 1 <= length <= LONGEST_TPDU:
        raise RefusalError(cms=CMS_BAD_PDU)
    return length


def _send_stored(modem: EmulatedModem, command: Command) -> None:
    require_sim(modem)
    slot = modem.sim.stores[modem.registers.memories[1]].slots.get(command.number(0))
    if slot is None or slot.state not in {SlotState.UNSENT, SlotState.SENT}:
        raise RefusalError(cms=CMS_INVALID_INDEX)
    slot.state = SlotState.SENT
    modem.sending.send(slot.pdu[-slot.tpdu_length :], "+CMSS")


def _read(modem: EmulatedModem, command: Command) -> Lines:
    require_sim(modem)
    slot = modem.sim.stores[modem.registers.memories[0]].slots.get(command.number(0))
    if slot is None:
        raise RefusalError(cms=CMS_INVALID_INDEX)
    state = slot.state
    if state == SlotState.UNREAD:
        slot.state = SlotState.READ
    return (f"+CMGR: {int(state)},,{slot.tpdu_length}", slot.pdu.hex().upper())


def _list(modem: EmulatedModem, command: Command) -> Lines:
    require_sim(modem)
    wanted = command.number(0, SlotState.UNREAD) if command.arguments else SlotState.UNREAD
    if wanted not in tuple(SlotState):
        raise RefusalError(cms=CMS_NOT_SUPPORTED)
    lines: list[str] = []
    for index, slot in sorted(modem.sim.stores[modem.registers.memories[0]].slots.items()):
        if wanted in {SlotState.ALL, slot.state}:
            lines += [f"+CMGL: {index},{int(slot.state)},,{slot.tpdu_length}", slot.pdu.hex().upper()]
            if slot.state == SlotState.UNREAD:
                slot.state = SlotState.READ
    return tuple(lines)


def _delete(modem: EmulatedModem, command: Command) -> Lines:
    require_sim(modem)
    store = modem.sim.stores[modem.registers.memories[0]]
    flag = command.number(1, 0)
    if flag == 0:
        if not 1 <= command.number(0) <= store.size:
            raise RefusalError(cms=CMS_INVALID_INDEX)
        store.slots.pop(command.number(0), None)
    elif flag in _DELETED:
        store.delete(_DELETED[flag])
    else:
        raise RefusalError(cms=CMS_NOT_SUPPORTED)
    modem.memory_freed()
    return ()


def _slots(modem: EmulatedModem, _command: Command) -> Lines:
    require_sim(modem)
    indices = sorted(modem.sim.stores[modem.registers.memories[0]].slots)
    return (f"+CMGD: ({','.join(map(str, indices))}),(0-4)",)


def _acknowledge(modem: EmulatedModem, command: Command) -> Lines:
    answer = command.number(0, 0)
    if answer not in {0, 1, 2} or command.number(1, 0):  # user data of the host in an RP-ACK: not supported
        raise RefusalError(cms=CMS_NOT_SUPPORTED)
    modem.receiving.acknowledge(RpAnswer.ERROR if answer == 2 else RpAnswer.ACK)
    return ()


def _set_more(modem: EmulatedModem, command: Command) -> Lines:
    modem.registers.cmms = choice(command, 0, 2)
    return ()


def _more(modem: EmulatedModem, _command: Command) -> Lines:
    return (f"+CMMS: {modem.registers.cmms}",)


HANDLERS: Final[dict[tuple[str, Form], Handler]] = {
    ("+CSMS", Form.SET): _set_service,
    ("+CSMS", Form.READ): _service,
    ("+CMGF", Form.SET): _set_format,
    ("+CSCA", Form.READ): _centre,
    ("+CSCA", Form.SET): _set_centre,
    ("+CPMS", Form.SET): _set_memories,
    ("+CPMS", Form.READ): _memories,
    ("+CNMI", Form.SET): _set_routing,
    ("+CNMI", Form.READ): _routing,
    ("+CMGS", Form.SET): _send,
    ("+CMGW", Form.SET): _write,
    ("+CMSS", Form.SET): _send_stored,
    ("+CMGR", Form.SET): _read,
    ("+CMGL", Form.SET): _list,
    ("+CMGL", Form.EXECUTE): _list,
    ("+CMGD", Form.SET): _delete,
    ("+CMGD", Form.TEST): _slots,
    ("+CNMA", Form.SET): _acknowledge,
    ("+CNMA", Form.EXECUTE): _acknowledge,
    ("+CMMS", Form.SET): _set_more,
    ("+CMMS", Form.READ): _more,
}

FIXED: Final[dict[tuple[str, Form], Lines]] = {
    ("+CSMS", Form.TEST): ("+CSMS: (0,1)",),
    ("+CMGF", Form.TEST): ("+CMGF: (0)",),
    ("+CMGF", Form.READ): ("+CMGF: 0",),
    ("+CPMS", Form.TEST): ('+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")',),
    ("+CNMI", Form.TEST): ("+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)",),
    ("+CNMA", Form.TEST): ("+CNMA: (0-2)",),
    ("+CMMS", Form.TEST): ("+CMMS: (0-2)",),
    **{(name, Form.TEST): () for name in ("+CMGS", "+CMGW", "+CMSS", "+CMGR", "+CSCA")},
    ("+CMGL", Form.TEST): ("+CMGL: (0-4)",),
}
