from fairpost.engine.image import Image

class Bars:
    def __new__(cls, image: Image) -> Bars: ...
