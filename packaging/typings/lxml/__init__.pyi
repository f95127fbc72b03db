# The parts of lxml that Burnish uses; the library brings no types.
