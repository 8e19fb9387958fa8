# The API and the map of all results in /data:
#   docker build -t recynet .
#   docker run --rm -p 8000:8000 -v recynet-data:/data recynet
FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY geodata ./geodata
COPY optimizer ./optimizer
COPY service ./service
COPY configs ./configs
RUN python -m pip install --constraint constraints.txt .
RUN useradd --create-home --uid 10001 recynet && mkdir /data && chown recynet /data
USER recynet
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["recynet", "serve", "--data", "/data", "--host", "0.0.0.0", "--port", "8000"]
