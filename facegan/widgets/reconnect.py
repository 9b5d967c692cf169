"""Lets the widgets of a page that was reloaded come back while a cell is still running.

A page that is loaded again asks the kernel for its widgets, and a kernel answers messages one after the other, so the
page shows "Loading widget..." until the running cell has ended. `answered` answers those questions, and no others, from
within the cell. Does not bring back what the cell prints: pages drop the text of a cell that they did not start.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any

_CONTROL = "jupyter.widget.control"  # the comm target by which a page asks for all widgets at once
_ASKS = {"request_states", "request_state"}
_NO_MESSAGE = (ValueError, KeyError, TypeError, AttributeError)  # what reading one that is unknown raises


def answered(kernel: Any, frames: list) -> bool:
    """Answer a message if a reloaded page asks for its widgets by it. Runs in the kernel's main thread.

    Args:
        kernel: the ipykernel.
        frames: one message as it arrived.

    Returns:
        Whether it was answered; the kernel must not see it again then.
    """
    try:
        idents, parts = kernel.session.feed_identities(frames, copy=False)
        header, content = (kernel.session.unpack(parts[index].bytes) for index in (1, 4))
        if not _asks_for_widgets(header["msg_type"], content):
            return False
        running, whose, replies = kernel.get_parent("shell"), _idents_of_cell(kernel), _replies(kernel)
        message = kernel.session.deserialize(parts, content=True, copy=False)  # which accepts it only once
    except (*_NO_MESSAGE, IndexError):
        return False
    import zmq

    with suppress(Exception):  # a page that stays empty is better than a training that ends
        kernel.set_parent(idents, message, channel="shell")
        kernel._publish_status("busy", "shell")
        _handle(kernel, replies, idents, message)
        kernel._publish_status("idle", "shell")
        if hasattr(replies, "flush"):  # a stream of ipykernel 6
            replies.flush(zmq.POLLOUT)
    kernel.set_parent(whose, running, channel="shell")
    kernel._publish_status("busy", "shell")  # the cell still runs
    return True


def _asks_for_widgets(kind: str, content: dict) -> bool:
    if kind == "comm_open":
        return content["target_name"] == _CONTROL
    if kind == "comm_msg":
        return content["data"].get("method") in _ASKS
    return kind in {"kernel_info_request", "comm_info_request"}


def _handle(kernel: Any, replies: Any, idents: list, message: dict) -> None:
    """Call the kernel's own handler; of these messages none waits for anything."""
    with suppress(Exception):  # as the kernel does, which logs it
        result = kernel.shell_handlers[message["header"]["msg_type"]](replies, idents, message)
        if inspect.iscoroutine(result):
            with suppress(StopIteration):
                result.send(None)


def _idents_of_cell(kernel: Any) -> Any:
    """Who started the running cell, as `set_parent` takes it: a context variable in ipykernel 7, a dict in 6."""
    if (variable := getattr(kernel, "_shell_parent_ident", None)) is not None:
        return kernel._get_shell_context_var(variable)
    return kernel._parent_ident["shell"]


def _replies(kernel: Any) -> Any:
    """Where the main thread sends replies."""
    if getattr(kernel, "_supports_kernel_subshells", False):  # ipykernel 7
        return kernel.shell_channel_thread.manager.get_subshell_to_shell_channel_socket(None)
    return kernel.shell_stream
