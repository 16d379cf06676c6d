"""What people hand in: drawings for products, photos for disputes."""

from marketplace.application.design_files import upload_design
from marketplace.application.dispute_photos import upload_photo
from marketplace.domain.product import FileFormat
from tests.application.world import World
from tests.planning.test_photo_file import photo
from tests.planning.test_svg_file import svg


async def file_of(world: World, name: str, width: int) -> str:
    """The digest of a drawing of this width."""
    drawing = svg(f'<path d="M10 10h{width}v20h-{width}z"/>')
    return (await upload_design(world.ctx, world[name], FileFormat.SVG, drawing)).digest


async def photo_of(world: World, name: str, order_id: str) -> str:
    """Both show the same one, which is in no statement yet."""
    return (await upload_photo(world.ctx, world[name], order_id, "PNG", photo("PNG"))).digest
