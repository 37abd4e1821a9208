# Built from the repository's root: docker build --tag k8s-audit-coverage .
# Runs as a user without rights, on a read-only root filesystem, writing only to /reports and /tmp.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
RUN ["python3", "-m", "venv", "/opt/k8s-audit-coverage"]
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY scanner ./scanner
COPY providers ./providers
RUN ["/opt/k8s-audit-coverage/bin/pip", "install", "--no-cache-dir", "--disable-pip-version-check", \
     "--constraint", "constraints.txt", ".[all]"]

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="k8s-audit-coverage" \
      org.opencontainers.image.description="Would the audit log show a break-in? Asked of every Kubernetes cluster." \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH="/opt/k8s-audit-coverage/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=build /opt/k8s-audit-coverage /opt/k8s-audit-coverage
# An empty volume of ECS or Batch on Fargate belongs to root, mode 0755, unless the image says that its path is one: then
# it takes over the directory's owner and mode, which for /tmp let everyone write. Docker makes one by itself.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
VOLUME ["/tmp"]
WORKDIR /reports
# 65532 is "nonroot" in the common minimal images; a number, so that Kubernetes can verify runAsNonRoot.
USER 65532:65532
ENTRYPOINT ["k8s-audit-coverage"]
CMD ["scan", "--config", "/config/config.toml", "--output", "/reports"]
