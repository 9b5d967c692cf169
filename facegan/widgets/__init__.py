"""Widgets for notebooks: explore a generator's latents, watch a training."""

from facegan.widgets.dashboard import live
from facegan.widgets.latent import arithmetic, compare, explore, morph, timeline

__all__ = ["arithmetic", "compare", "explore", "live", "morph", "timeline"]
