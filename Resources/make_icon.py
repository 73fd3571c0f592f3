"""Draw the icon, QSM.png: a brain's outline in which the field of a dipole is seen; and the sample data's picture.

Run it from the repository root.
"""

from pathlib import Path

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from QSMLogic.phantom import head_phantom

SIZE = 128
OUTPUTS = ("QSM.png", "QSM/Resources/Icons/QSM.png")
PALLIDUM = 2
SAMPLE = "QSM/Resources/Icons/QSMPhantom.png"
SAMPLE_SIZE = (260, 280)
"""Pixels; what Slicer's guide asks of pictures of sample data."""
COLOURS = LinearSegmentedColormap.from_list("field", ["#14304f", "#2f6f9f", "#eef3f6", "#f0a04b", "#9c3d12"])


def main() -> None:
    """Draw and write both."""
    draw_icon()
    draw_sample()


def draw_icon() -> None:
    """Draw the icon."""
    x, y = np.meshgrid(np.linspace(-1.1, 1.1, 8 * SIZE), np.linspace(-1.1, 1.1, 8 * SIZE))
    squared = x**2 + y**2
    cos2 = y**2 / np.maximum(squared, 1e-6)
    field = np.where(squared > 0.2**2, (3 * cos2 - 1) * (0.2**2 / np.maximum(squared, 1e-6)) ** 0.9, 2)
    brain = np.hypot(x / 0.78, y / 1.0)
    figure = Figure((1, 1), dpi=SIZE, facecolor="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(np.ma.masked_where(brain > 1, field), cmap=COLOURS, vmin=-0.8, vmax=0.8, extent=(-1.1, 1.1, -1.1, 1.1))
    axes.contour(x, y, brain, (1,), colors="#14304f", linewidths=2.5)
    for output in OUTPUTS:
        figure.savefig(Path(output), transparent=True)


def draw_sample() -> None:
    """Draw a slice of the simulated head: magnitude, and in the brain the susceptibility."""
    head = head_phantom((96, 112, 96), snr=None, echo_times=(0.011,))
    level = int(np.median(np.nonzero(head.labels == PALLIDUM)[2]))
    magnitude, chi, mask = (image[..., level].T for image in (head.scan.magnitude[..., 0], head.chi, head.mask))
    figure = Figure(tuple(pixels / SIZE for pixels in SAMPLE_SIZE), dpi=SIZE, facecolor="black")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(magnitude, cmap="gray", origin="lower", interpolation="bicubic")
    shown = np.ma.masked_where(~mask, chi)
    axes.imshow(shown, cmap="gray", vmin=-0.1, vmax=0.2, origin="lower", interpolation="nearest")
    figure.savefig(Path(SAMPLE))


if __name__ == "__main__":
    main()
