# This makes the environment of binder/ from the same files, for Docker or Podman:
#
#     docker build -t pmemobj . && docker run --rm -p 8888:8888 pmemobj
FROM python:3.12-slim-bookworm

RUN useradd --create-home --shell /bin/bash --uid 1000 jovyan && install -d -o jovyan /opt/notebook
WORKDIR /home/jovyan

COPY --chown=jovyan binder/apt.txt binder/apt.txt
RUN apt-get -qq update && \
    apt-get -qq install --yes --no-install-recommends $(cat binder/apt.txt) && \
    rm -rf /var/lib/apt/lists/*

USER jovyan
# The Python of the image belongs to root, so the packages go into an environment of the user.
RUN python -m venv /opt/notebook
ENV PATH=/opt/notebook/bin:$PATH
COPY --chown=jovyan binder/requirements.txt binder/requirements.txt
RUN python -m pip install --no-cache-dir -r binder/requirements.txt

COPY --chown=jovyan . .
RUN bash binder/postBuild

EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser", "--LabApp.default_url=/lab/tree/notebooks/01_hello.ipynb"]
