"""A stream: a thread that carries out what was submitted, in order. Streams of a card run side by side."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping

from device.recipe import LaunchCost, Recipe
from device.runtime.buffer import DeviceBuffer
from device.runtime.event import Event, EventWait
from device.runtime.launch import Launch
from device.runtime.loaded_recipe import LoadedRecipe
from device.runtime.pending import Pending
from device.runtime.session import Session
from device.runtime.time_lines import Ticket
from device.runtime.transfer import Command, Transfer, launch_cost_of

__all__ = ["Stream", "submitted"]

# Recipes that stay loaded; one more empties the list. Nobody alternates between more than a few.
_MAX_LOADED = 64


class Stream:
    """Made by Card.create_stream. One submitting thread at a time."""

    def __init__(self, session: Session, name: str) -> None:
        self.name = name
        self._session = session
        self._queue: queue.SimpleQueue[Pending | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._last: Pending | None = None
        self._last_ticket: Ticket | None = None
        self._awaited: list[Ticket] = []
        # By identity, since hashing a recipe means walking all of it; the entry keeps the recipe alive.
        self._loaded: dict[int, LoadedRecipe] = {}
        self._thread = threading.Thread(target=self._serve, name=f"gaudi-{name}", daemon=True)
        self._thread.start()

    def launch(self, recipe: Recipe, tensors: Mapping[str, DeviceBuffer | int]) -> Launch:
        """Start a recipe on these tensors, by name. LaunchError, RecipeError at once for what does not fit; what
        happens later surfaces in `synchronize` and Launch.result."""
        session = self._session
        session.raise_if_broken()
        loaded = self._load(recipe)
        binding = loaded.bound(tensors)
        ticket = session.time_lines.submit(loaded.cost_at, self._take_dependencies(), session.now_s)
        launch = Launch(session, loaded, binding, ticket, source=self)
        self._last_ticket = ticket
        self._submit(launch)
        return launch

    def command(self, command: Command) -> Transfer:
        """For the copying methods of Card: the command in its turn, on the stream's thread."""
        self._session.raise_if_broken()
        ticket = submitted(self._session, command, self._take_dependencies())
        transfer = Transfer(self._session, command, ticket)
        self._last_ticket = ticket
        self._submit(transfer)
        return transfer

    def record(self) -> Event:
        """A mark behind everything submitted so far."""
        event = Event(self._session, self._last_ticket)
        self._submit(event)
        return event

    def wait_for(self, event: Event) -> None:
        """Hold back what is submitted from now on until the event."""
        if event.ticket is not None:
            self._awaited.append(event.ticket)
        self._submit(EventWait(event))

    def synchronize(self) -> None:
        """Wait for everything submitted; raises the first error since the last call, and what came after it was not
        executed. DeviceResetError and CardLostError come at once, whatever is still running."""
        self._drain()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        """Wait and end the thread; errors that nobody asked for are dropped."""
        self._queue.put(None)
        self._thread.join()
        self._unload()

    def _take_dependencies(self) -> tuple[Ticket, ...]:
        before = () if self._last_ticket is None else (self._last_ticket,)
        if not self._awaited:
            return before
        dependencies = (*before, *self._awaited)
        self._awaited.clear()
        return dependencies

    def _load(self, recipe: Recipe) -> LoadedRecipe:
        loaded = self._loaded.get(id(recipe))
        if loaded is None:
            if len(self._loaded) >= _MAX_LOADED:
                self._drain()
                self._unload()
            loaded = self._loaded[id(recipe)] = LoadedRecipe(recipe, self._session)
        return loaded

    def _unload(self) -> None:
        for loaded in self._loaded.values():
            loaded.close()
        self._loaded.clear()

    def _submit(self, work: Pending) -> None:
        self._last = work
        self._queue.put(work)

    def _drain(self) -> None:
        if self._last is not None:
            self._session.wait(self._last)

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            if self._error is None:
                try:
                    work.execute()
                except BaseException as error:
                    self._error = error
            if self._error is not None:
                work.abandon()
            work.finish(self._error)


def submitted(session: Session, command: Command, after: tuple[Ticket, ...]) -> Ticket:
    """A place on the time lines."""

    def cost_at(clock_ratio: float) -> LaunchCost:
        return launch_cost_of(command.cost_at(clock_ratio), clock_ratio)

    return session.time_lines.submit(cost_at, after, session.now_s, command.lane)
