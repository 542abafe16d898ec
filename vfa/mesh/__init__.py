"""Controllers on a mesh: geodesic distances, blend weights, smoothing and deformation."""

from vfa.mesh.deformation import Deformer
from vfa.mesh.weights import ControllerWeights, geodesic_weights

__all__ = ["ControllerWeights", "Deformer", "geodesic_weights"]
