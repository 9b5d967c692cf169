"""Made-up histories."""

import math

PLAIN = {"loss_d": 1.2, "loss_g": 1.0, "d_real": 0.6, "d_fake": 0.4, "grad_norm_d": 1.0, "grad_norm_g": 0.8}
CERTAIN = {"d_real": 0.999, "d_fake": 0.001, "loss_d": 0.002}


def curves(*parts, jitter=0.05):
    """Columns of parts (steps, columns that differ from `PLAIN`), with a little movement."""
    rows = [PLAIN | changes for steps, changes in parts for _ in range(steps)]
    wobble = [1 + jitter * (-1) ** row for row in range(len(rows))]
    columns = {name: [row[name] * w for row, w in zip(rows, wobble, strict=True)] for name in PLAIN}
    return {"step": list(range(1, len(rows) + 1)), **columns}


def with_held_out(r_v, r_t=0.9, every=250):
    """A level history with r_v and r_t at snapshots."""
    history = curves((every * len(r_v), {}))
    for name, values in (("r_v", r_v), ("r_t", [r_t] * len(r_v))):
        history[name] = [math.nan] * (every * len(r_v))
        history[name][every - 1 :: every] = values
    return history
