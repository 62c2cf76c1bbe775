"""Errors of the web page, all sent as ``{"error": message}``."""


def refusal(status, message, headers=None):
    """Return the exception that ends a request with a status and a message."""
    from fastapi import HTTPException

    return HTTPException(status, message, headers)


def too_large(limit):
    """Return the exception for a request larger than `limit` bytes."""
    return refusal(413, f"The request is too large; the limit is {limit / 1e6:g} MB.")


def error_response(status, message, headers=None):
    """Return the response that reports an error to the client."""
    from fastapi.responses import JSONResponse

    return JSONResponse({"error": message}, status, headers)


def add_error_handlers(app):
    """Send the errors of FastAPI and Starlette in the same form as the errors of skdcca."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    @app.exception_handler(HTTPException)
    async def send_refusal(request, error):
        return error_response(error.status_code, error.detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def send_invalid_field(request, error):
        first = error.errors()[0]
        names = [part for part in first["loc"] if isinstance(part, str)]
        field = names[-1] if names else "body"
        return error_response(400, f"{field}: {first['msg']}.")
