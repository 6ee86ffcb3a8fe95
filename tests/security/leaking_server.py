"""``tandem`` whose HTTP protocol keeps all bytes that it has ever received: what the soak test has to find."""

import cli
import engine.http

_kept: list[bytes] = []


class LeakingProtocol(engine.http.HttpProtocol):
    """Forgets nothing."""

    def data_received(self, data: bytes) -> None:
        """Keep a copy of *data*, and go on as ever."""
        _kept.append(bytes(bytearray(data)))
        super().data_received(data)


if __name__ == "__main__":
    engine.http.HttpProtocol = LeakingProtocol  # type: ignore[misc]
    cli.main()
