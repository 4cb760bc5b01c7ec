"""What an operator deploys: the compose files and the image, without a Docker daemon."""
