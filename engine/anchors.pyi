import numpy as np
from numpy.typing import NDArray

class AnchorsNotPlaced(RuntimeError): ...

def perfect_hash(
    keys: NDArray[np.uint32], slot_bits: int, bucket_bits: int
) -> tuple[NDArray[np.uint16], NDArray[np.uint32]]: ...
