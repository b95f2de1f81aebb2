"""The demo: the whole of Verdigris on one machine, playing its main job with real pushes and real traffic."""
