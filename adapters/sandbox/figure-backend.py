"""Matplotlib backend of the jail: `plt.show()` saves each open figure as a PNG in the work folder.

Seen inside the jail as `turnstone_figures`. Figures that the code neither showed nor saved are saved when it ends.
"""

import os

from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg


class FigureManager(FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block=None):
        save_open_figures()


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager

    def print_figure(self, *args, **kwargs):
        self.figure._turnstone_saved = True
        return super().print_figure(*args, **kwargs)


def show(*args, **kwargs):
    save_open_figures()


def free_name():
    number = 1
    while os.path.lexists(f"figure-{number}.png"):
        number += 1
    return f"figure-{number}.png"


def save_open_figures():
    for manager in Gcf.get_all_fig_managers():
        figure = manager.canvas.figure
        if not getattr(figure, "_turnstone_saved", False) and (figure.axes or figure.texts or figure.images):
            figure.savefig(free_name(), bbox_inches="tight", dpi=120)
        Gcf.destroy(manager)
