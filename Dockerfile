FROM python:3.12-slim
WORKDIR /opt/retro
COPY pyproject.toml constraints.txt README.md ./
COPY connectors connectors
COPY sync sync
COPY rules rules
COPY workers workers
COPY config config
COPY web web
RUN pip install --no-cache-dir --constraint constraints.txt . \
    && useradd --system --create-home --home-dir /srv/retro retro
ENV RETRO_HOME=/srv/retro
USER retro
WORKDIR /srv/retro
ENTRYPOINT ["retro"]
