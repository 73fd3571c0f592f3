# In Slicer: writes a package for extensions that depend on this one. There are none.
