from fairpost.engine.image import Image

class Judge:
    def __init__(self, image: Image) -> None: ...
