"""Slice and 3-D views of the scene, rendered without a display to arrays of colours (rows from top to bottom)."""

from pathlib import Path

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from slicer_side.scene import world

IN_SLICES = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLColorLegendDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
)
IN_3D = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLVolumeRenderingDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)


class View:
    """A render window that is never shown, with the displayable managers that draw the scene into it."""

    def __init__(self, factory, managers: tuple[str, ...], node, size: tuple[int, int]) -> None:
        self.node = node
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetShowWindow(False)
        self.window.SetMultiSamples(0)  # three times as fast without a graphics card
        self.window.SetSize(*size)
        self.renderer = vtk.vtkRenderer()
        self.window.AddRenderer(self.renderer)
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self.window)
        self._interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        self._interactor.Initialize()
        factory = factory.GetInstance()
        factory.SetMRMLApplicationLogic(world().logic)
        for manager in managers:
            if hasattr(slicer, manager) and not factory.IsDisplayableManagerRegistered(manager):
                factory.RegisterDisplayableManager(manager)
        self._managers = slicer.vtkMRMLDisplayableManagerGroup()
        self._managers.SetRenderer(self.renderer)
        self._managers.Initialize(factory, self.renderer)
        self._managers.SetMRMLDisplayableNode(node)

    def picture(self) -> np.ndarray:
        """Return what the view shows now, as (rows, columns, 3) bytes."""
        self.window.Render()
        grabber = vtk.vtkWindowToImageFilter()
        grabber.SetInput(self.window)
        grabber.ReadFrontBufferOff()
        grabber.Update()
        image = grabber.GetOutput()
        columns, rows, _ = image.GetDimensions()
        return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1, :, :3].copy()

    def close(self) -> None:
        """Let go of the scene."""
        self._managers.SetMRMLDisplayableNode(None)
        self.window.Finalize()

    def __enter__(self) -> "View":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class SliceView(View):
    """The slice view Red, Green or Yellow; the volumes are those of its composite node."""

    def __init__(self, name: str = "Red", size: tuple[int, int] = (400, 400)) -> None:
        self.logic = world().slice_logics[name]
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory
        super().__init__(factory, IN_SLICES, self.logic.GetSliceNode(), size)
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        self._mapper = mapper
        self._image = vtk.vtkActor2D()
        self._image.SetMapper(mapper)
        self._image.GetProperty().SetDisplayLocationToBackground()
        self.logic.ResizeSliceNode(*size)
        self._take_in_legends()

    def _take_in_legends(self) -> None:
        """Let the view draw colour legends older than itself: it looks for them when another volume is chosen."""
        layers = self.logic.GetSliceCompositeNode()
        before = layers.GetInteractionFlags()
        layers.SetInteractionFlags(layers.ForegroundVolumeFlag)
        layers.Modified()
        layers.SetInteractionFlags(before)

    def fit(self) -> None:
        """Show all of the background volume."""
        self.logic.FitSliceToBackground(*self.window.GetSize())

    def picture(self) -> np.ndarray:
        """Return what the view shows now."""
        connection = self.logic.GetImageDataConnection()
        self.renderer.RemoveViewProp(self._image)
        if connection is not None:
            self._mapper.SetInputConnection(connection)
            self.renderer.AddViewProp(self._image)
        return super().picture()


class View3D(View):
    """The 3-D view, which looks at everything in it."""

    def __init__(self, size: tuple[int, int] = (400, 400)) -> None:
        node = slicer.mrmlScene.GetNodeByID("vtkMRMLViewNode1")
        super().__init__(slicer.vtkMRMLThreeDViewDisplayableManagerFactory, IN_3D, node, size)

    def picture(self) -> np.ndarray:
        """Return what the view shows now."""
        self.renderer.ResetCamera()
        return super().picture()


def four_up(size: tuple[int, int] = (400, 400)) -> np.ndarray:
    """Return Slicer's usual four views: axial and 3-D above, coronal and sagittal below."""
    pictures = []
    for view in (SliceView("Red", size), View3D(size), SliceView("Green", size), SliceView("Yellow", size)):
        with view:
            if isinstance(view, SliceView):
                view.fit()
            pictures.append(view.picture())
    above, below = np.hstack(pictures[:2]), np.hstack(pictures[2:])
    return np.vstack([above, below])


def write_png(picture: np.ndarray, path: Path | str) -> None:
    """Write an array of colours."""
    rows, columns, channels = picture.shape
    image = vtk.vtkImageData()
    image.SetDimensions(columns, rows, 1)
    flat = np.ascontiguousarray(picture[::-1].reshape(-1, channels).astype(np.uint8))
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(image)
    writer.Write()
