//! The TFTP server alone, over a folder: `tftp_serve --listen 127.0.0.1:6969 --root FOLDER`.

mod serve;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let asked = serve::asked()?;
    let socket = tokio::net::UdpSocket::bind(asked.listen).await?;
    netboot::tftp::run_apart(socket, asked.folder, asked.sink, asked.stop).await?;
    Ok(())
}
