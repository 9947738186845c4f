"""Makes the .npz files beside it with NumPy itself: every type, order of axes and order of bytes. NpzReaderTests knows what
is in them by their names. Run once, with NumPy 1.24: python3 make.py"""
import io
import zipfile

import numpy as np

TYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"]

count = np.arange(24).reshape(2, 3, 4)
arrays = {}
for name in TYPES:
    values = (count % 2).astype(name) if name == "b1" else count.astype(name)
    arrays["C_" + name] = values
    arrays["F_" + name] = np.asfortranarray(values)
    arrays["big_" + name] = values.astype(values.dtype.newbyteorder(">"))
    arrays["Fbig_" + name] = np.asfortranarray(arrays["big_" + name])
arrays["scalar"] = np.int64(-7)
arrays["empty"] = np.zeros((0, 3), "f4")
arrays["layer/weight"] = np.float32([[0.5, -0.25]])
arrays["größe"] = np.float64([1e-300])

np.savez("arrays.npz", **arrays)
np.savez_compressed("compressed.npz", **arrays)
np.savez("objects.npz", good=np.ones(2), labels=np.array([{}], dtype=object))

with zipfile.ZipFile("versions.npz", "w") as archive:
    for version in [(1, 0), (2, 0), (3, 0)]:
        file = io.BytesIO()
        np.lib.format.write_array(file, count.astype("f4"), version=version)
        archive.writestr(f"version{version[0]}.npy", file.getvalue())
