# syntax=docker/dockerfile:1

# GraphiQL's scripts, checked against the checksums in the repository.
FROM node:24-slim AS playground
WORKDIR /build
COPY graph/endpoint/playground/fetch-assets.sh graph/endpoint/playground/assets.sha384 ./
RUN sh fetch-assets.sh

FROM python:3.13-slim AS packages
RUN python -m venv /opt/tandem
COPY requirements.lock .
RUN /opt/tandem/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tandem
COPY --from=packages /opt/tandem /opt/tandem
WORKDIR /app
COPY engine/ engine/
COPY core/ core/
COPY models/ models/
COPY tasks/ tasks/
COPY graph/ graph/
COPY rest/ rest/
COPY app.py cli.py ./
COPY --from=playground /build/assets graph/endpoint/playground/assets
# The sources are run as they lie here, so the command needs no build tool: a few lines stand in for an installation.
# Processes that the command starts read this file too, and must not start the command again.
RUN printf '#!/opt/tandem/bin/python\nfrom cli import main\n\nif __name__ == "__main__":\n    main()\n' \
        > /opt/tandem/bin/tandem \
    && chmod 755 /opt/tandem/bin/tandem \
    && /opt/tandem/bin/python -m compileall -q engine core models tasks graph rest app.py cli.py
ENV PATH=/opt/tandem/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TANDEM_ENVIRONMENT=production
USER tandem
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
CMD ["tandem", "serve", "--host", "0.0.0.0"]
