from .application import create_app as create_app
from .keys import ROLES as ROLES
from .keys import Key as Key
from .keys import KeyStore as KeyStore
from .server import serve as serve
from .server import serve_mock as serve_mock
from .settings import ServiceSettings as ServiceSettings
