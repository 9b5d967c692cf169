"""Detects clicks on a Stop button while the running cell keeps the kernel busy.

A kernel handles messages in order, so a click waits until the running cell ends. With this module, the cell itself
reads the messages that have arrived. No message is lost: each one is returned to the kernel, in order, and is handled
after the cell has ended. Only the requests of a reloaded page for its widgets are answered immediately
(`facegan.widgets.reconnect`). JupyterLab with ipykernel 7 delivers clicks in a separate thread. In that case, no click
arrives here, and the button's usual handler is called.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from facegan.runtime.kernel import running_kernel
from facegan.widgets.reconnect import answered


def poll_click(model_id: str) -> bool:
    """Whether a click on the button with this model id has arrived; False outside of a kernel's main thread."""
    if threading.current_thread() is not threading.main_thread():
        return False  # the main thread is free to handle its messages
    kernel = running_kernel()
    socket, put_back = _shell(kernel)
    found = False
    while socket is not None and (frames := _receive(socket)) is not None:
        if answered(kernel, frames):
            continue
        put_back(frames)
        found |= _is_click(kernel.session, frames, model_id)
    return found


def _shell(kernel: Any) -> tuple[Any, Callable[[list], None]]:
    """The socket of the main thread's messages, and a function that defers them; (None, ...) if unknown."""
    if thread := getattr(kernel, "shell_channel_thread", None):  # ipykernel 7
        pair = getattr(thread.manager, "_shell_channel_to_main", None)
        put_back = partial(kernel.io_loop.add_callback, kernel.shell_main, None)
        return getattr(pair, "to_socket", None), put_back
    if hasattr(kernel, "schedule_dispatch") and kernel.shell_stream:  # ipykernel 6
        return kernel.shell_stream.socket, partial(kernel.schedule_dispatch, kernel.dispatch_shell)
    return None, lambda frames: None


def _receive(socket: Any) -> list | None:
    import zmq

    try:
        return socket.recv_multipart(zmq.NOBLOCK, copy=False)
    except zmq.Again:
        return None


def _is_click(session: Any, frames: list, model_id: str) -> bool:
    """Whether a message is a click. Its signature is not checked, because the kernel checks it and only once."""
    try:
        _, (_, header, _, _, content, *_) = session.feed_identities(frames, copy=False)
        if session.unpack(header.bytes)["msg_type"] != "comm_msg":
            return False
        body = session.unpack(content.bytes)
        return body["comm_id"] == model_id and body["data"]["content"]["event"] == "click"
    except (ValueError, KeyError, TypeError, AttributeError):
        return False  # an unknown message, which the kernel handles
