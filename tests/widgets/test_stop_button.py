"""A click that arrives while a cell is running, in a real kernel."""

import contextlib
import queue
import re
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import zmq
from jupyter_client.manager import KernelManager
from jupyter_client.session import Session

from facegan.widgets import stop_button

TRAIN = """
import facegan as fg
config = fg.TrainConfig(image_size=16, width=8, batch_size=8, precision="fp32")
faces = fg.FaceDataset(fg.synthetic_faces(32, 16)[0], "drawn")
live = fg.widgets.live()
tell = lambda gan, _: gan.step == 0 and print("stop is", live.panel.stop.model_id, flush=True)
history = fg.fit(fg.GAN(config, device="cpu"), faces, steps=10**6, snapshot_every=10**6, callbacks=[live, tell])
"""


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]), prepend=":")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    manager = KernelManager(
        kernel_cmd=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    )
    manager.start_kernel()
    client = manager.client()
    client.manager = manager
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def printed(client, wanted, seconds=60):
    """The first line printed that holds `wanted`."""
    end, text = time.monotonic() + seconds, ""
    while time.monotonic() < end:
        try:
            message = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        content = message["content"]
        assert message["msg_type"] != "error", content["traceback"]
        text += content.get("text", "")
        for line in text.splitlines():
            if wanted in line:
                return line
    raise AssertionError(f"{wanted!r} was not printed, but: {text}")


def shown(client):
    """The value that a cell shows."""
    while True:
        message = client.get_iopub_msg(timeout=30)
        if message["msg_type"] == "execute_result":
            return message["content"]["data"]["text/plain"]


def send_click(client, model_id):
    data = {"method": "custom", "content": {"event": "click"}}
    client.shell_channel.send(client.session.msg("comm_msg", {"comm_id": model_id, "data": data}))


def ended(client, request):
    """How a cell ended: "ok", "error" or "aborted"; and what it shows of an error."""
    errors = []
    while True:
        reply = client.get_shell_msg(timeout=60)
        if reply["parent_header"]["msg_id"] == request:
            break
    with contextlib.suppress(queue.Empty):
        while True:
            message = client.get_iopub_msg(timeout=1)
            if message["msg_type"] == "error" and message["parent_header"]["msg_id"] == request:
                errors.append("\n".join(message["content"]["traceback"]))
    return reply["content"]["status"], "".join(errors)


def stop_by_button(client):
    send_click(client, client.model_id)


def stop_by_interrupt(client):
    client.manager.interrupt_kernel()


@pytest.mark.slow
@pytest.mark.parametrize("stop", [stop_by_button, stop_by_interrupt])
def test_a_stop_by_the_user_ends_the_cell_and_keeps_the_cells_below_from_running(client, tmp_path, stop):
    cell = client.execute(TRAIN.replace("callbacks", f"run_dir={str(tmp_path / 'run')!r}, callbacks"))
    client.model_id = printed(client, "stop is").split()[-1]
    below = client.execute("print('the next cell ran')")
    stop(client)
    status, said = ended(client, cell)
    assert status == "error"
    assert re.fullmatch(r"Stopped at step [\d,]+ of 1,000,000; saved\. Run this cell again to resume\.", said)
    assert ended(client, below) == ("aborted", "")
    client.execute("live.panel.stop.description")
    assert shown(client) == "'Stopped'"


@pytest.mark.slow
def test_a_stop_without_a_folder_says_that_nothing_was_saved(client):
    cell = client.execute(TRAIN)
    send_click(client, printed(client, "stop is").split()[-1])
    assert ended(client, cell)[1].endswith("; not saved without a run_dir.")


@pytest.mark.slow
def test_a_stop_by_a_callback_lets_the_cells_below_run(client):
    client.execute(TRAIN.replace("live, tell", "live, lambda gan, _: gan.request_stop()"))
    client.execute("print('the next cell ran at step', len(history['loss_d']))")
    assert printed(client, "the next cell ran").endswith(" 0")


def ask(client, kind, content, wanted, seconds=20):
    """Send a message while a cell runs, and wait for what answers it: a predicate on messages of both channels."""
    sent = client.session.msg(kind, content)
    client.shell_channel.send(sent)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for get_message in (client.get_shell_msg, client.get_iopub_msg):
            with contextlib.suppress(queue.Empty):
                message = get_message(timeout=0.1)
                if wanted(message, sent["header"]["msg_id"]):
                    return message["content"]
    raise AssertionError(f"{kind} was not answered")


@pytest.mark.slow
def test_a_reloaded_page_finds_its_widgets_while_the_cell_runs(client):
    cell = client.execute(TRAIN)
    model_id = printed(client, "stop is").split()[-1]
    control = {"comm_id": "control", "target_name": "jupyter.widget.control", "data": {}}
    opened = client.session.msg("comm_open", control, metadata={"version": "1.0.0"})
    ask(client, "kernel_info_request", {}, lambda m, sent: (
        m["msg_type"] == "kernel_info_reply" and m["parent_header"]["msg_id"] == sent))  # fmt: skip
    found = ask(client, "comm_info_request", {}, lambda m, sent: m["msg_type"] == "comm_info_reply")
    assert model_id in found["comms"]
    request = {"comm_id": model_id, "data": {"method": "request_state"}}
    found = ask(client, "comm_msg", request, lambda m, sent: (
        m["msg_type"] == "comm_msg" and m["parent_header"]["msg_id"] == sent))  # fmt: skip
    assert found["data"]["state"]["description"] == "Stop"
    client.shell_channel.send(opened)
    request = {"comm_id": "control", "data": {"method": "request_states"}}
    found = ask(client, "comm_msg", request, lambda m, sent: (
        m["msg_type"] == "comm_msg" and m["content"]["comm_id"] == "control"))  # fmt: skip
    assert model_id in found["data"]["states"]
    send_click(client, model_id)
    assert ended(client, cell)[0] == "error"


@pytest.mark.slow
def test_clicks_on_other_buttons_do_not_stop(client):
    client.execute(TRAIN.replace("10**6, snap", "40, snap"))
    printed(client, "stop is")
    send_click(client, "another")
    client.execute("print('ran to', len(history['loss_d']))")
    assert printed(client, "ran to") == "ran to 40"


@pytest.mark.parametrize("frames", [[b"stop aborting"], [b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"{}"]])
def test_what_is_no_message_is_left_to_the_kernel(monkeypatch, frames):
    queue, returned = [[zmq.Frame(f) for f in frames]], []
    monkeypatch.setattr(stop_button, "running_kernel", lambda: SimpleNamespace(session=Session()))
    monkeypatch.setattr(stop_button, "_shell", lambda kernel: ("socket", returned.append))
    monkeypatch.setattr(stop_button, "_receive", lambda socket: queue.pop() if queue else None)
    assert stop_button.poll_click("any") is False
    assert len(returned) == 1


def test_only_the_main_thread_takes_messages(monkeypatch):
    monkeypatch.setattr(stop_button, "running_kernel", lambda: SimpleNamespace(session=Session()))
    monkeypatch.setattr(stop_button, "_shell", lambda kernel: pytest.fail("looked"))
    heard = []
    thread = threading.Thread(target=lambda: heard.append(stop_button.poll_click("any")))
    thread.start()
    thread.join()
    assert heard == [False]


def test_outside_a_kernel_nothing_was_clicked():
    assert stop_button.running_kernel() is None
    assert stop_button.poll_click("any") is False
