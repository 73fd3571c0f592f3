"""What a running Slicer offers, without Slicer: the tests run the extension's own files on it, unmodified.

`slicer-core` on PyPI holds Slicer's real nodes, scene, logic and rendering libraries, but neither Qt nor the
application. Here stands what is missing, thin and only as far as the extension and its tests use it:

vtk_errors   errors of VTK are gathered, so that a test that causes one fails
slot_errors  so is what a slot or an observer raises
scene        a scene, the modules' logics and the views' nodes, as Slicer makes them when it starts
hierarchy    every node gets its item in the subject hierarchy
storage      loading and saving through slicer.util
python       Slicer's Python modules: base classes of scripted modules, translation, sample data, segment statistics
application  the loading and reloading of a module
qt_standin   qt, ctk, the qMRML widgets and slicer.app on PySide6, off-screen, bound to that scene
views        slice and 3-D views rendered without a display
pictures     pictures of the panel, and of a window with panel and views
fixtures     pytest fixtures that bring all this into a test
"""
