"""Restores the widgets of a reloaded page while a cell is still running.

A reloaded page requests its widgets from the kernel. A kernel handles messages in order, so the page shows "Loading
widget..." until the running cell has ended. `answered` answers these requests, and no others, from within the cell.
Printed output is not restored, because pages discard the text of cells that they did not start.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any

_CONTROL = "jupyter.widget.control"  # comm target with which a page requests all widgets at once
_ASKS = {"request_states", "request_state"}
_NO_MESSAGE = (ValueError, KeyError, TypeError, AttributeError)  # errors from reading an unknown message


def answered(kernel: Any, frames: list) -> bool:
    """Answer a message if it is a reloaded page's request for its widgets. Call this in the kernel's main thread.

    Args:
        kernel: the ipykernel.
        frames: frames of the message.

    Returns:
        Whether the message was answered; if so, the kernel must not handle it again.
    """
    try:
        idents, parts = kernel.session.feed_identities(frames, copy=False)
        header, content = (kernel.session.unpack(parts[index].bytes) for index in (1, 4))
        if not _asks_for_widgets(header["msg_type"], content):
            return False
        running, whose, replies = kernel.get_parent("shell"), _idents_of_cell(kernel), _replies(kernel)
        message = kernel.session.deserialize(
            parts, content=True, copy=False
        )  # accepts each message only once
    except (*_NO_MESSAGE, IndexError):
        return False
    import zmq

    with suppress(Exception):  # an error must not end the run
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
    """Call the kernel's own handler, which does not block for these messages."""
    with suppress(Exception):  # as in the kernel, which logs the error
        result = kernel.shell_handlers[message["header"]["msg_type"]](replies, idents, message)
        if inspect.iscoroutine(result):
            with suppress(StopIteration):
                result.send(None)


def _idents_of_cell(kernel: Any) -> Any:
    """The sender of the running cell, for `set_parent`: a context variable in ipykernel 7, a dict in ipykernel 6."""
    if (variable := getattr(kernel, "_shell_parent_ident", None)) is not None:
        return kernel._get_shell_context_var(variable)
    return kernel._parent_ident["shell"]


def _replies(kernel: Any) -> Any:
    """The socket on which the main thread sends replies."""
    if getattr(kernel, "_supports_kernel_subshells", False):  # ipykernel 7
        return kernel.shell_channel_thread.manager.get_subshell_to_shell_channel_socket(None)
    return kernel.shell_stream
