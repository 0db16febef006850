//! The HTTP server alone, over a folder: `http_serve --listen 127.0.0.1:8080 --root FOLDER`.

mod serve;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let asked = serve::asked()?;
    let listener = tokio::net::TcpListener::bind(asked.listen).await?;
    netboot::http::run_apart(listener, asked.folder, asked.sink, asked.stop).await?;
    Ok(())
}
