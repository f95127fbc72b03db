# The parts of pypdfium2 that Burnish uses; the library brings no types.
FPDF_ERR_PASSWORD: int
FPDF_PAGEOBJ_IMAGE: int
