"""NIfTI files as other programs write them, and with a header that was changed."""

import numpy as np
import SimpleITK
from scipy.spatial.transform import Rotation

from QSMLogic.io.nifti_file import header_type

SHAPE, SPACING = (5, 7, 4), (0.9, 1.1, 2.5)
OBLIQUE = Rotation.from_euler("xyz", [12, -20, 33], degrees=True).as_matrix()


def make(path, array=None, direction=OBLIQUE, origin=(3.5, -20.25, 11.125), spacing=SPACING):
    """Write (x, y, z) or (x, y, z, volume) by SimpleITK and return the array."""
    rng = np.random.default_rng(1)
    array = rng.standard_normal(SHAPE).astype(np.float32) if array is None else array
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T), isVector=False)
    axes = np.eye(array.ndim)
    axes[:3, :3] = direction
    image.SetDirection(axes.ravel().tolist())
    image.SetSpacing([*spacing, 1.0][: array.ndim])
    image.SetOrigin([*origin, 0.0][: array.ndim])
    SimpleITK.WriteImage(image, str(path))
    return array


def patched(path, **fields):
    """Change fields of the header of an uncompressed NIfTI-1 file."""
    content = bytearray(path.read_bytes())
    header = np.frombuffer(content, header_type(348), 1).copy()
    for name, value in fields.items():
        header[name][0] = value
    content[:348] = header.tobytes()
    path.write_bytes(content)
    return path
