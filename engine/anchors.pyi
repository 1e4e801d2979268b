import numpy as np
from numpy.typing import NDArray

class AnchorsNotPlaced(RuntimeError): ...

def choose_anchors(
    symbols: NDArray[np.uint16],
    starts: NDArray[np.int64],
    widths: NDArray[np.uint8],
    sketch: NDArray[np.uint64],
    filter_bits: int,
) -> NDArray[np.uint8]: ...
def bucket_keys(
    symbols: NDArray[np.uint16], anchors: NDArray[np.int64], widths: NDArray[np.uint8], words: NDArray[np.uint64]
) -> NDArray[np.uint32]: ...
def filter_map(
    symbols: NDArray[np.uint16], anchors: NDArray[np.int64], widths: NDArray[np.uint8], bits: int
) -> NDArray[np.uint64]: ...
def perfect_hash(
    keys: NDArray[np.uint32], slot_count: int, bucket_count: int
) -> tuple[NDArray[np.uint16], NDArray[np.uint32]]: ...
