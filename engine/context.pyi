from fairpost.engine.image import Image

class Context:
    def __new__(cls, image: Image) -> Context: ...
