"""From a photograph to where X-rays are worth spending: density, mask, rivals; manifests and weights."""
