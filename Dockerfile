# Two images that run the README's first command: docs/how-to/container.md says how.
FROM python:3.12-slim AS source

# HF_HOME: weights that are fetched outlive the container where /weights is a volume.
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1 HF_HOME=/weights
RUN useradd --create-home --uid 1000 reader && mkdir /weights && chown reader /weights
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY prompts ./prompts
COPY checkpoints ./checkpoints
COPY zeroshot ./zeroshot
COPY examples ./examples
COPY examples /work/examples
ENTRYPOINT ["zeroshot"]
CMD ["classify", "examples/clips", "--labels", "puppet_actions", "--model", "puppet-tiny"]

# TORCH_INDEX_URL: a package index whose torch has no CUDA in it, for a smaller image. Empty: torch as pip finds it.
FROM source AS cpu
ARG TORCH_INDEX_URL=""
RUN if [ -n "$TORCH_INDEX_URL" ]; then pip install --index-url "$TORCH_INDEX_URL" torch torchvision; fi
RUN pip install .
USER reader
WORKDIR /work

# torch and faiss bring CUDA's libraries along; the driver comes from the host (docker run --gpus all).
FROM source AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN pip install .
USER reader
WORKDIR /work
