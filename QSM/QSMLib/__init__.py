"""The Slicer side: everything that touches nodes, views or widgets."""
