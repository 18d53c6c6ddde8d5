import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.AbstractMongoBackend;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/** Arguments: port, and an H2 file when the data is to survive a restart. */
public class MongoMain {
  public static void main(String[] args) throws Exception {
    AbstractMongoBackend backend = args.length > 1 ? new H2Backend(args[1]) : new MemoryBackend();
    // Driver 7 refuses servers below wire version 9, so the server introduces itself as MongoDB 7.
    backend.version(new MongoVersion() {
      public List<Integer> getVersionArray() {
        return List.of(7, 0, 0);
      }

      public int getWireVersion() {
        return 21;
      }
    });
    MongoServer server = new MongoServer(backend);
    server.bind("127.0.0.1", Integer.parseInt(args[0]));
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    Thread.currentThread().join();
  }
}
